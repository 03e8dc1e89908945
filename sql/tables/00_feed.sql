-- One sequence for checkpoints and events, so that a feed can merge them.
create sequence plane.feed_id;
