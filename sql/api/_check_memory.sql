-- Refuses a memory that cannot be kept; what steps write comes from templates, so nobody has checked it before.
-- Called by put_memory. Raises 422 invalid_input · 413 memory_too_large.
create function plane.check_memory(payload jsonb, p_expires timestamptz)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(char_length(payload ->> 'namespace'), 0) not between 1 and 200
    or char_length(payload ->> 'key') not between 1 and 500 then
    perform plane.raise_error(422, 'invalid_input', 'A namespace has 1 to 200 characters and a key 1 to 500.', 'Shorten it.');
  elsif coalesce(payload ->> 'content', '') = '' then
    perform plane.raise_error(422, 'invalid_input', 'A memory needs a content.', 'Send the text to remember as content.');
  elsif p_expires <= plane.clock() then
    perform plane.raise_error(422, 'invalid_input', format('/expires_at: %s is over.', plane.time_text(p_expires)),
      'Give a time to come.');
  elsif octet_length(payload ->> 'content') > 65536 or octet_length((payload -> 'metadata')::text) > 16384 then
    perform plane.raise_error(413, 'memory_too_large', 'A memory has at most 64 kB of content and 16 kB of metadata.',
      'Remember it in parts, or keep it elsewhere and remember where.', jsonb_build_object('max_bytes', 65536));
  end if;
end;
$$;
