// Package postgres keeps everything in a PostgreSQL database, for one node or several.
//
// The tables are SQLite's, column for column; its statements are rewritten when they first
// run (statement.go), and values come and go as SQLite's do (values.go), so the packages
// with the statements do not know which database they work on.
package postgres
