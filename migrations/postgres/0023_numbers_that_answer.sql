-- How a number takes calls beside who answers them, sealed: its hours, what becomes of other calls, and whether it is the line
-- that people call to be called no more.
ALTER TABLE numbers ADD COLUMN answering BYTEA;
