#!/bin/bash
# Software tokens move from one server to another whose serials overlap with
# theirs. Run it: make build && e2e/moving.sh
#
# It needs oathtool, which plays the authenticator app. Everything is made in a
# temporary directory and gone at the end. The first argument is the program,
# bin/ostiary if there is none; the second and the third are the URLs of databases
# of PostgreSQL for the servers a and b, which have files if there are none.
set -euo pipefail

ostiary=$(realpath "${1:-bin/ostiary}")
declare -A database=([a]=${2-} [b]=${3-})
work=$(mktemp -d)
cd "$work"

step() { printf '\n== %s\n' "$*"; }
fail() { echo "FAILED: $*" >&2; exit 1; }

# run SERVER COMMAND … runs a command at server a or b, and shows it.
run() {
	local server=$1
	shift
	echo "$server\$ ostiary $*" >&2
	OSTIARY_DATA="$work/$server" "$ostiary" "$@"
}

# refused STATUS SERVER COMMAND … is run for what must end with that status. What
# it says is in the file said.
refused() {
	local want=$1 status=0
	shift
	run "$@" >said 2>&1 || status=$?
	cat said
	[ $status = "$want" ] || fail "the status is $status, not $want"
}

# says TEXT wants a text in what refused showed.
says() { grep -qF -- "$1" said || fail "it does not say: $1"; }

start() {
	local on=()
	[ -z "${database[$1]}" ] || on=(--database "${database[$1]}" --no-standby)
	"$ostiary" serve --data "$work/$1" --listen 127.0.0.1:0 "${on[@]}" >"$1.out" 2>"$1.log" &
	servers="$servers $!"
	for _ in $(seq 600); do
		grep -q '^Listening' "$1.out" && return
		sleep 0.1
	done
	fail "server $1 does not listen: $(cat "$1.log")"
}

servers=
clean() {
	kill $servers 2>/dev/null || true
	wait
	rm -rf "$work"
}
trap clean EXIT

# field NAME reads a text of one line of JSON.
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" | sed 's/\\u0026/\&/g'; }

# create SERVER makes a token of the type app-hotp as an administrator does who
# shows the QR code: its key URI is kept in the file SERIAL.uri.
create() {
	local made serial
	made=$(run "$1" token create app-hotp --qr --json | tr -d '\n' | sed 's/": *"/":"/g')
	serial=$(echo "$made" | field serial)
	echo "$made" | field uri >"$serial.uri"
	[ -s "$serial.uri" ] || fail "no key URI of $serial"
	echo "$serial"
}

# code URI-FILE COUNTER is what the app shows that scanned the QR code.
code() { sed 's/.*[?&]secret=\([A-Z2-7]*\).*/\1/' "$1" | oathtool --hotp --base32 --digits=6 --counter="$2" -; }

# state SERVER SERIAL
state() { run "$1" token show "$2" --json 2>/dev/null | tr -d ' \n' | field state; }

# is WHAT GOT WANT
is() { [ "$2" = "$3" ] || fail "$1 is $2, not $3"; }

# snapshot SERVER is every token there, in full.
snapshot() { run "$1" token list --kind all --all --json 2>/dev/null; run "$1" series list --json 2>/dev/null; }

start a
start b

step "Server A has tokens AH10000001 to 04 and, since its series was set, 101 to 103"
for _ in 1 2 3 4; do create a; done
run a series set app-hotp AH10000101
for _ in 1 2 3; do last=$(create a); done
is "the last serial of A" "$last" AH10000103
run a token confirm AH10000103 "$(code AH10000103.uri 0)"
run a token confirm AH10000002 "$(code AH10000002.uri 0)"
mkdir of-a && mv ./*.uri of-a

step "Server B has tokens of its own, AH10000001 to 06"
for _ in 1 2 3 4 5 6; do last=$(create b); done
is "the last serial of B" "$last" AH10000006
mkdir of-b && mv ./*.uri of-b

step "A exports its tokens. They are MOVING: they take no code here any more"
echo 'an anvil, two pears and the last tram' >phrase
run a token export stock.pskc --passphrase-file phrase --type app-hotp --move
first=$(run a move list --json | tr -d ' \n' | field id)
is "AH10000103" "$(state a AH10000103)" MOVING
refused 1 a token verify AH10000103 "$(code of-a/AH10000103.uri 1)"

step "A dry run on B tells what would happen: four serials collide"
snapshot b >before
refused 1 b token import stock.pskc --passphrase-file phrase --dry-run
says COLLISIONS
grep -Eq '^app-hotp +7 +AH10000103 +AH10000006 +4 +AH10000007 ' said || fail "the table of the series is not as expected"
for n in 1 2 3 4; do says "AH1000000$n"; done
snapshot b | cmp - before || fail "the dry run changed something"

step "So the import is refused, and nothing is written"
refused 1 b token import stock.pskc --passphrase-file phrase
says 'Nothing is imported'
snapshot b | cmp - before || fail "the refused import changed something"

step "A file with one flipped bit is refused"
for part in 3 2; do
	at=$(($(stat -c %s stock.pskc) / part))
	byte=$(od -An -tu1 -j $at -N 1 stock.pskc)
	cp stock.pskc flipped.pskc
	printf "\\x$(printf %x $((byte ^ 1)))" | dd of=flipped.pskc bs=1 seek=$at conv=notrunc status=none
	cmp -s stock.pskc flipped.pskc && fail "no bit was flipped"
	refused 2 b token import flipped.pskc --passphrase-file phrase --new-serials --skip-bad
done
snapshot b | cmp - before || fail "the file with a flipped bit changed something"

step "With --new-serials the four get serials of B; the series goes on above all"
run b token import stock.pskc --passphrase-file phrase --new-serials | tee said
says '7 imported, 0 duplicate, 0 in conflict, 0 refused, 4 renumbered'
is "the next serial of B" "$(create b)" AH10000108
moved=$(run b token list --kind all --all --json | tr -d ' \n' | sed 's/},{/\n/g' | grep '"key_id":"AH10000002"' | field serial)
echo "AH10000002 of A is $moved here"

step "A code of a moved token works on B once, and on A never again"
for pair in AH10000103:AH10000103 "$moved:AH10000002"; do
	here=${pair%:*} app=of-a/${pair#*:}.uri
	refused 1 b token verify "$here" "$(code "$app" 0)" # it confirmed the token, on A
	run b token verify "$here" "$(code "$app" 1)"
	refused 1 b token verify "$here" "$(code "$app" 1)"
	refused 1 a token verify "${pair#*:}" "$(code "$app" 1)"
	refused 1 a token verify "${pair#*:}" "$(code "$app" 2)"
	run b token unlock "$here"
done

step "A hands in the receipt of B, and only that: not one of another export"
imported=$(run b import list --limit 1 --json | tr -d ' \n' | sed 's/.*"imports":\[{"id":\([0-9]*\).*/\1/')
run b import receipt "$imported" receipt.json
lonely=$(create a)
run a token export never-sent.pskc --passphrase-file phrase --serial "$lonely" --move
second=$(run a move list --limit 1 --json | tr -d ' \n' | sed 's/.*"moves":\[{"id":"\([A-Z2-7]*\)".*/\1/')
[ "$first" != "$second" ] || fail "two moves have one number"
sed "s/$first/$second/" receipt.json >other.json
refused 2 a move confirm other.json
says 'does not belong to this move'
refused 2 b move confirm receipt.json
says 'no such move'
is "$lonely" "$(state a "$lonely")" MOVING
run a move confirm receipt.json
run a move confirm receipt.json # once more changes nothing
for serial in AH10000001 AH10000002 AH10000003 AH10000004 AH10000101 AH10000102 AH10000103; do
	refused 2 a token show $serial
done

step "The other file never arrived: the move is cancelled, and its token is back"
run a move cancel "$second" --yes
is "$lonely" "$(state a "$lonely")" PENDING
run a token confirm "$lonely" "$(code "$lonely.uri" 0)"

step "A second delivery: its serial 104 is taken on B, and --skip-bad leaves it out"
is "the token that came back" "$lonely" AH10000104
run a series set app-hotp AH10000200 # B has given out those before
more=$(create a)
run a token export second.pskc --passphrase-file phrase --type app-hotp --move
third=$(run a move list --limit 1 --json | tr -d ' \n' | sed 's/.*"moves":\[{"id":"\([A-Z2-7]*\)".*/\1/')
refused 1 b token import second.pskc --passphrase-file phrase --skip-bad
says '1 imported, 0 duplicate, 1 in conflict, 0 refused'
run b import receipt $((imported + 1)) second.json
run a move confirm second.json
refused 2 a token show "$more"
is "the token left out" "$(state a "$lonely")" MOVING
run a move cancel "$third" --yes
is "the token left out" "$(state a "$lonely")" VALID
run a token verify "$lonely" "$(code "$lonely.uri" 1)"
is "the next serial of B" "$(create b)" AH10000201

step "Both logs are whole"
run a audit verify
run b audit verify

step "Done."
