-- How an answer came about: its moments and vendors, as JSON. Absent for what answers nothing, and for turns from before.
ALTER TABLE turns ADD COLUMN latency TEXT;
