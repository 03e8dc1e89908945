-- Starts an execution on behalf of a hook, a trigger or a schedule: under the budgets and quotas of its organisation.
--
-- Answers {execution_id, due}, or {error: {code, message}, is_for_now} when it is refused; then nothing has happened.
-- is_for_now: a quota that comes back by itself. From here on the transaction's claims are that organisation's.
create function plane._start_for(p_org_id uuid, p_source_id uuid, p_version_id uuid, p_input jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_state   text;
  v_message text;
  v_detail  text;
begin
  perform plane._act_for(p_org_id, p_source_id);
  begin
    return plane.start_execution(jsonb_build_object('version_id', p_version_id, 'input', p_input));
  exception
    when sqlstate 'PT402' or sqlstate 'PT403' or sqlstate 'PT404' or sqlstate 'PT422' or sqlstate 'PT429' then
      get stacked diagnostics v_state = returned_sqlstate, v_message = message_text, v_detail = pg_exception_detail;
  end;
  return jsonb_build_object(
    'error', jsonb_build_object('code', v_detail::jsonb -> 'code', 'message', v_message),
    'is_for_now', v_state = 'PT429');
end;
$$;
