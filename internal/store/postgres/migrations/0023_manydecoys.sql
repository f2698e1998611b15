-- A thousand rows that mean nothing, in the place of one: each name writes another, so that
-- what is written is as seldom in memory as the rows of tokens and users are, and refusals
-- do not wait for each other.
INSERT INTO decoy_condition SELECT i, 0, 0 FROM generate_series(2, 1000) i;
INSERT INTO decoy_user SELECT i, 'nobody ' || to_char(i, 'FM0000'), 0, 0 FROM generate_series(2, 1000) i;
