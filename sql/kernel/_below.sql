-- The live frames below a frame: shards and child executions, theirs too. p_tokens: only below these waits of it.
create function plane._below(p_root_execution_id uuid, p_execution_id uuid, p_frame text, p_tokens text[] default null)
returns table (execution_id uuid, frame text, depth int)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with recursive below as (
    select f.execution_id, f.frame, f.depth
    from plane.frames as f
    where f.root_execution_id = p_root_execution_id and f.status <> 'done'
      and f.parent_execution_id = p_execution_id and f.parent_frame = p_frame
      and (p_tokens is null or f.parent_token = any (p_tokens))
    union all
    select f.execution_id, f.frame, f.depth
    from below
    join plane.frames as f on f.parent_execution_id = below.execution_id and f.parent_frame = below.frame
    where f.root_execution_id = p_root_execution_id and f.status <> 'done'
  )
  select * from below;
$$;
