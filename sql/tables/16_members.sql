-- A person in an organisation. Who they are is Supabase Auth's to say; what they may do stands here.
create table plane.members (
  org_id             uuid not null references plane.organisations on delete cascade,
  user_id            uuid not null,            -- the token's sub
  email              text not null check (char_length(email) between 3 and 320),
  role               text not null,
    -- viewer    reads everything but the audit
    -- approver  and decides approvals and answers escalations
    -- operator  and changes everything that agents may
    -- admin     and manages keys, limits, secrets, policies and members
    -- owner     and exports and erases data, and makes owners
  may_decide_by_mail boolean not null default false, -- a link sent to their mailbox is enough
  joined_at          timestamptz not null default plane.clock(),
  last_seen_at       timestamptz,              -- within five minutes
  removed_at         timestamptz,              -- the row stays: decisions name whom they belong to
  primary key (org_id, user_id),
  constraint members_role_is_known check (role in ('viewer', 'approver', 'operator', 'admin', 'owner'))
);

create index members_of_a_person on plane.members (user_id) where removed_at is null;
create index members_recent on plane.members (org_id, joined_at desc, user_id desc);

-- Access
alter table plane.members enable row level security;
alter table plane.members force row level security;

create policy "callers see their organisation's members" on plane.members
  for select to authenticated
  using (org_id = (select plane.caller_org()));

create policy "callers change their organisation's members" on plane.members
  for update to authenticated
  using (org_id = (select plane.caller_org()))
  with check (org_id = (select plane.caller_org()));

create policy "the gateway finds memberships" on plane.members
  for select to plane_gateway
  using (true);

create policy "the gateway lets people join" on plane.members
  for insert to plane_gateway
  with check (true);

create policy "the gateway notes who was seen and who came back" on plane.members
  for update to plane_gateway
  using (true);

create policy "the kernel asks who may decide" on plane.members
  for select to plane_kernel
  using (true);
