-- The records of one scope with their outputs, by path, until 4 MB or 1,000; at least one.
create function plane._load_scope(p_frame plane.frames, p_parent text, p_after text)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with page as (
    select c as checkpoint, sum(coalesce(s.size, 2048)) over (order by c.path) - coalesce(s.size, 2048) < 4194304 as fits
    from plane.checkpoints as c
    left join plane.payloads as s on s.org_id = c.org_id and s.hash = c.output_ref
    where c.execution_id = p_frame.execution_id and c.gen = p_frame.gen and c.parent = p_parent
      and c.path > coalesce(p_after, '')
    order by c.path
    limit 1001
  ), numbered as (
    select page.checkpoint, page.fits and row_number() over (order by (page.checkpoint).path) <= 1000 as fits
    from page
  )
  select jsonb_build_object(
    'ok', true,
    'records', coalesce(
      jsonb_agg(plane._record_row(n.checkpoint, p.body) order by (n.checkpoint).path) filter (where n.fits), '[]'),
    'more', coalesce(bool_or(not n.fits), false))
  from numbered as n
  left join plane.payloads as p on n.fits and p.org_id = (n.checkpoint).org_id and p.hash = (n.checkpoint).output_ref;
$$;
