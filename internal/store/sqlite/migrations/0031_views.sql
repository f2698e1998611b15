-- Views of lists that an administrator has kept (admin is empty for ROOT), as they stand in
-- the address bar. The one without a name has the columns and the size with which it opens.
CREATE TABLE admin_view (
  admin TEXT NOT NULL,
  list  TEXT NOT NULL,
  name  TEXT NOT NULL,
  query TEXT NOT NULL,
  PRIMARY KEY (admin, list, name)
) STRICT, WITHOUT ROWID;
