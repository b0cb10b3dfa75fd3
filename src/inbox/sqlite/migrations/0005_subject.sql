-- What happened to one subject, in Apple's order: for how long it was in a state, and what was received of it.
CREATE INDEX receipt_subject ON receipt (subject_id, coalesce(time, received_at)) WHERE subject_id IS NOT NULL;
