-- Opens an escalation of the caller's organisation. p: as plane._open_escalation takes it, without a wait. Answers its id.
-- Called by api.create_escalation and whatever else a tenant does that ends in a question. Raises 404 execution_not_found.
create function plane.open_escalation(p jsonb)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org constant uuid := plane._require_org();
begin
  if p ->> 'execution_id' is not null then
    perform plane._require_execution((p ->> 'execution_id')::uuid);
  end if;
  return (plane._open_escalation(v_org, p - 'wait_token' || jsonb_build_object('created_by', plane.caller_actor()))).id;
end;
$$;

alter function plane.open_escalation(jsonb) owner to plane_kernel;
