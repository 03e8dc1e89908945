-- Begins the erasure of a person or of the caller's organisation: whoever it is can do nothing from now on. Answers the erasure.
--
-- p: {user_id} | {} · A person is called erased-… from now on in the list of members, in invitations and in the audit; the chore
-- goes through the rest. An organisation's keys, memberships and invitations end at once; the chore deletes the rest.
-- Called by api.erase_person, after its entry in the audit, and api.erase_organisation. Raises 401, 403 missing_scope, people_only.
create function gateway.begin_erasure(p jsonb)
returns plane.erasures
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_org     constant uuid := plane._require_org();
  v_user    constant uuid := (p ->> 'user_id')::uuid;
  v_now     constant timestamptz := plane.clock();
  v_label   constant text := 'erased-' || left(replace(gen_random_uuid()::text, '-', ''), 12) || '@invalid';
  v_entry   bigint;
  v_erasure plane.erasures;
begin
  if not plane.caller_has_scope('data:manage') then
    perform plane.raise_error(403, 'missing_scope', 'This needs the scope data:manage.', null, '{"scope": "data:manage"}');
  end if;
  if v_user is null then
    perform plane.require_person('data:manage');
    update plane.api_keys set revoked_at = v_now where org_id = v_org and revoked_at is null;
    update plane.members set removed_at = v_now where org_id = v_org and removed_at is null;
    delete from plane.invitations where org_id = v_org;
    insert into plane.erasures (org_id, kind, subject, label, requested_by, audit_head)
    select v_org, 'organisation', v_org, o.name, plane.caller_actor(), (
      select jsonb_build_object('seq', h.seq, 'hash', h.hash) from plane.audit_heads as h where h.org_id = v_org)
    from plane.organisations as o
    where o.id = v_org
    returning * into v_erasure;
    return v_erasure;
  end if;

  insert into plane.erasures (org_id, kind, subject, label, names, requested_by)
  select v_org, 'person', v_user, v_label, array(
    select distinct n from (
      select lower(m.email) as n from plane.members as m where m.org_id = v_org and m.user_id = v_user
      union all
      select lower(a.labels ->> 'actor') from plane.audit_entries as a where a.org_id = v_org and a.actor_kind = 'person' and a.actor_id = v_user
    ) as known
    where n is not null and n !~ '^erased-'), plane.caller_actor()
  returning * into v_erasure;
  update plane.members set email = v_label, removed_at = coalesce(removed_at, v_now) where org_id = v_org and user_id = v_user;
  update plane.invitations
  set email = v_label, revoked_at = case when accepted_at is null then coalesce(revoked_at, v_now) end
  where org_id = v_org and lower(email) = any (v_erasure.names);

  select max(id) into v_entry
  from plane.audit_entries
  where org_id = v_org and action = 'erase_person' and resource_id = v_user::text;
  update plane.audit_entries as a
  set details = gateway._without_names(a.details, v_user, v_erasure.names, v_label), labels = null, nonce = null, erased_in = v_entry
  where a.org_id = v_org and a.erased_in is null and a.id <> v_entry
    and (
      (a.actor_kind = 'person' and a.actor_id = v_user) or a.on_behalf ->> 'id' = v_user::text
      or exists (select from unnest(v_erasure.names) as n where position(n in lower(a.details::text || coalesce(a.labels::text, ''))) > 0));
  return v_erasure;
end;
$$;

alter function gateway.begin_erasure(jsonb) owner to plane_eraser;
