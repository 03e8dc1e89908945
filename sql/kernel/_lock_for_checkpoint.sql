-- Takes the locks that a checkpoint needs before its own frame: the topics that it subscribes to, then what lies deeper.
--
-- Topics: so that no event or signal slips between its publisher's look at the open waits and ours.
-- Deeper: when it ends, closes a group, or is a failed shard that stops its siblings.
create function plane._lock_for_checkpoint(p jsonb, p_execution_id uuid, p_frame text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org    uuid;
  v_root   uuid;
  v_tokens text[];
begin
  select org_id, root_execution_id into v_org, v_root from plane.frames where execution_id = p_execution_id and frame = p_frame;
  if p -> 'open' @> '[{"kind": "event"}]' then
    perform plane._lock_topics(array_agg(topic))
    from jsonb_array_elements(p -> 'open') as o,
      lateral unnest(array[v_org::text, p_execution_id::text]) as owner,
      lateral (select owner || '/' || (o ->> 'name') as topic) as t
    where o ->> 'kind' = 'event';
  end if;

  if p ->> 'next' = 'done' then
    perform plane._lock_below(v_root, p_execution_id, p_frame);
    if p_frame <> '' and p -> 'finish' ->> 'status' <> 'succeeded' then
      perform
      from plane.frames
      where execution_id = p_execution_id and frame <> ''
      order by depth desc, execution_id, frame
      for no key update;
    end if;
  elsif jsonb_array_length(p -> 'close') > 0 then
    select array_agg(value) into v_tokens from jsonb_array_elements_text(p -> 'close');
    perform plane._lock_below(v_root, p_execution_id, p_frame, v_tokens);
  end if;
end;
$$;
