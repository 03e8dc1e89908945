-- Uses up the one-time link that the caller came with. Called by api.call_public before the answer, in its transaction: an answer that
-- is refused leaves the link as it was. Locks: the link. Raises 404 link_not_found · 410 link_used.
create function plane.use_link()
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_link constant uuid := (plane.caller_claims() ->> 'link_id')::uuid;
begin
  if plane._require_org() is null or v_link is null then
    perform plane.raise_error(404, 'link_not_found', 'This call did not come by a link.');
  end if;
  update plane.escalation_links set used_at = plane.clock() where id = v_link and used_at is null;
  if not found then
    perform plane.raise_error(410, 'link_used', 'This link was used before.', 'Sign in to see what became of it.');
  end if;
end;
$$;

alter function plane.use_link() owner to plane_kernel;
