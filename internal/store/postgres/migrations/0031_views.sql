-- Views of lists that an administrator has kept (admin is empty for ROOT), as they stand in
-- the address bar. The one without a name has the columns and the size with which it opens.
CREATE TABLE admin_view (
  admin text COLLATE "C" NOT NULL,
  list  text COLLATE "C" NOT NULL,
  name  text COLLATE "C" NOT NULL,
  query text COLLATE "C" NOT NULL,
  PRIMARY KEY (admin, list, name)
);
