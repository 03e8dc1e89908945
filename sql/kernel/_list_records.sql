-- The live records that the owner of a frame plans over: those whose enclosing scope has not been recorded itself.
-- The root frame sees the rows of its shards; a shard the root's and its own. The newest 4 MB of large outputs come along.
create function plane._list_records(p_frame plane.frames)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with live as (
    select c as checkpoint, sum(coalesce(s.size, 0)) over (order by c.feed_id desc) <= 4194304 as fits
    from plane.checkpoints as c
    left join plane.payloads as s on s.org_id = c.org_id and s.hash = c.output_ref
    where c.execution_id = p_frame.execution_id and c.gen = p_frame.gen
      and (p_frame.frame = '' or c.frame in ('', p_frame.frame))
      and (c.parent = '' or not exists (
        select from plane.checkpoints as scope
        where scope.execution_id = c.execution_id and scope.gen = c.gen and scope.path = c.parent))
  )
  select coalesce(jsonb_agg(plane._record_row(live.checkpoint, p.body) order by (live.checkpoint).feed_id), '[]')
  from live
  left join plane.payloads as p on live.fits and p.org_id = (live.checkpoint).org_id and p.hash = (live.checkpoint).output_ref;
$$;
