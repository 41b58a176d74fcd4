-- How often a client calls one number at most. NULL is the default of the rules; all three are set together.
ALTER TABLE dialling ADD COLUMN calls_24h_max INTEGER;
ALTER TABLE dialling ADD COLUMN calls_7d_max INTEGER;
ALTER TABLE dialling ADD COLUMN gap_s INTEGER;
