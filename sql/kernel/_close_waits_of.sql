-- Closes every open wait of a frame as cancelled, and with it what people were asked and what was handed over.
-- Locks: the waits, their escalations; the caller holds the frame.
create function plane._close_waits_of(p_execution_id uuid, p_frame text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_asked plane.waits[];
  v_wait  plane.waits;
begin
  with closed as (
    update plane.waits
    set answered_at = plane.clock(), outcome = 'cancelled'
    where execution_id = p_execution_id and frame = p_frame and answered_at is null
    returning *
  ), noted as (
    insert into plane.events (org_id, execution_id, type, path, data)
    select org_id, p_execution_id, 'wait.answered', path, jsonb_build_object('kind', kind, 'token', token, 'outcome', 'cancelled')
    from closed
  )
  select array_agg(c) into v_asked from closed as c where c.kind in ('approval', 'budget', 'unknown', 'handoff');
  foreach v_wait in array coalesce(v_asked, '{}') loop
    perform plane._close_asked(v_wait);
  end loop;
end;
$$;
