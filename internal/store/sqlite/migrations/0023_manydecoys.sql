-- A thousand rows that mean nothing, in the place of one: each name writes another, so that
-- what is written is as seldom in memory as the rows of tokens and users are.
WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
INSERT INTO decoy_condition SELECT i, 0, 0 FROM n;
WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
INSERT INTO decoy_user SELECT i, printf('nobody %04d', i), 0, 0 FROM n;
