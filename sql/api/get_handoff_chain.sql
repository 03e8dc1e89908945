-- The chain that a hand-off belongs to: the first one, everything that came of it, each before what it led to; at most 500.
-- payload: {id} · answers: {data: [line, with parent_id and hops]} · raises: 404 handoff_not_found
create function api.get_handoff_chain(payload jsonb)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_handoff constant plane.handoffs := plane.find_handoff((payload ->> 'id')::uuid);
begin
  return jsonb_build_object('data', (
    with recursive above as (
      select v_handoff.id, v_handoff.parent_id
      union all
      select h.id, h.parent_id from plane.handoffs as h join above on h.id = above.parent_id and h.org_id = v_handoff.org_id
    ), below as (
      select a.id from above as a where a.parent_id is null
      union all
      select h.id from plane.handoffs as h join below on h.parent_id = below.id and h.org_id = v_handoff.org_id
    ), chain as (
      select h.* from below join plane.handoffs as h using (id) order by h.hops, h.created_at, h.id limit 500
    )
    select coalesce(jsonb_agg(
      plane.handoff_line(c::plane.handoffs) || jsonb_build_object('parent_id', c.parent_id, 'hops', c.hops)
      order by c.hops, c.created_at, c.id), '[]')
    from chain as c));
end;
$$;

insert into gateway.verbs values ('get_handoff_chain', 'handoffs:read', true);
