-- Takes away what realtime.sql has made. What was sent is deleted by Realtime itself, after three days.
drop policy if exists "members hear of their organisation" on realtime.messages;
drop trigger if exists "tell realtime" on plane.events;
drop schema if exists plane_realtime cascade;
