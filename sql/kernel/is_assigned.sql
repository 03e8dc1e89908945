-- Whether a question that is assigned to p_assign_to is for a person {user_id, email, role}. A role means those of it and above.
create function plane.is_assigned(p_assign_to jsonb, p_person jsonb)
returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_roles constant text[] := '{viewer, approver, operator, admin, owner}';
begin
  return exists (
    select
    from jsonb_array_elements(p_assign_to) as a
    where a ->> 'user_id' = p_person ->> 'user_id'
      or lower(a ->> 'email') = lower(p_person ->> 'email')
      or array_position(v_roles, p_person ->> 'role') >= array_position(v_roles, a ->> 'role'));
end;
$$;
