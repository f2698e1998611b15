// Package e2e holds the end-to-end tests: the built program is started on real
// data directories, asked over HTTP and by its own command line, stopped and
// killed. Other makers' programs play the parts around it: python-pskc writes
// the seed files, oathtool is the token in the user's hand, strace watches what
// reaches the disk and when. They come from the Debian packages python3-pskc,
// oathtool and strace; a test that misses one fails and names it.
//
// moving.sh shows a move of tokens between two servers. It is a test and can be
// run and read by people.
//
// What several servers on one database of PostgreSQL must keep is looked at with two of
// them: their database is killed and a standby takes over, the network between is
// disturbed, and one of them is killed (nodes, rush; package cluster).
//
// Nothing in here knows how long anything may take. What must happen in the end
// is waited for by asking again until a deadline that only a hung program meets.
package e2e
