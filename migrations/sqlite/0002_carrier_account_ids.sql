-- A carrier's webhook names the account alone, in its address.
CREATE UNIQUE INDEX carrier_accounts_by_id ON carrier_accounts (id);
