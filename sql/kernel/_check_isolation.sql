-- Refuses any isolation level but READ COMMITTED: after a lock, a later statement must see what the former holder committed.
-- Called first by every verb that moves a frame. Raises 500 wrong_isolation.
create function plane._check_isolation()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    perform plane.raise_error(500, 'wrong_isolation',
      format('The engine needs READ COMMITTED, this transaction is %s.', upper(current_setting('transaction_isolation'))),
      'Leave default_transaction_isolation alone.');
  end if;
end;
$$;
