-- Asks executions of an organisation to stop; one that has ended meanwhile stays as it is. Answers doorbells.
create function plane._cancel_running(p_org_id uuid, p_execution_ids uuid[])
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_id  uuid;
  v_due jsonb := '[]';
begin
  perform plane._act_for(p_org_id, null);
  foreach v_id in array p_execution_ids loop
    begin
      v_due := v_due || (plane.cancel_execution(v_id) -> 'due');
      perform plane.record_plane_audit(p_org_id, 'cancel_execution', 'executions', v_id::text, '{"overlap": "cancel_running"}');
    exception
      when sqlstate 'PT409' then null; -- it has ended
    end;
  end loop;
  return v_due;
end;
$$;
