package copying

// table is one that is copied, and its key, by which its rows are read.
type table struct{ name, order string }

// quoted is the name in a statement: one of them is a word of SQL.
func (t table) quoted() string { return `"` + t.name + `"` }

// all are the tables, each behind those that its rows refer to.
var all = []table{
	{"setting", "name"}, {"data_key", "id"}, {"key_wrapping", "purpose, key, kek"}, {"api_key", "id"},
	{"api_key_use", "key"}, {"token_type", "name"}, {"token_series", "type"}, {"profile", "name"}, {"node", "id"},
	{"admin", "id"}, {"admin_use", "admin"}, {"passkey", "id"}, {"passkey_use", "passkey"},
	{"admin_view", "admin, list, name"}, {"session", "id"},
	{"memo", "what, about, who"}, {"event", "id"}, {"user", "id"}, {"import_run", "id"}, {"token", "id"},
	{"condition", "token"}, {"secret", "mark"}, {"retired", "fingerprint"}, {"application", "token, idx"},
	{"enrolment", "token"}, {"token_policy", "token"}, {"activation", "id"}, {"activation_reset", "token"},
	{"unbound_device", "token, fingerprint"}, {"temporary_code", `"user", fingerprint`}, {"import_row", "run, n"},
	{"import_replacement", "token"}, {"import_receipt", "run"}, {"move", "id"}, {"move_token", "move, token"},
	{"move_receipt", "move, digest"}, {"quiet_refusal", "caller"}, {"decoy_condition", "token"}, {"decoy_user", "id"},
	{"audit_entry", "seq"}, {"audit_stream", "id"}, {"audit_seam", "size"}, {"seam_state", "seam, n"},
	{"checkpoint", "id"}, {"audit_segment", "first"}, {"audit_block", "segment, key, seq"}, {"audit_span", "first"},
	{"code_tally", "hour, outcome, reason"}, {"job", "id"}, {"job_row", "job, n"},
	{"audit_head", "id"},
}

// numbered are those that give numbers to their rows.
var numbered = []string{"user", "import_run", "token", "checkpoint", "activation", "node", "event", "job"}

// own are those that each database has for itself. The last are SQLite's.
var own = []string{"schema_migration", "audit_arrival", "sqlite_sequence", "sqlite_stat1", "sqlite_stat4"}
