package wire

// Setting is a setting that the server was started with.
type Setting struct {
	Name   string `json:"name" doc:"The flag of serve."`
	Value  string `json:"value" doc:"Empty if none is set. A secret in a file is only named."`
	Source string `json:"source" enum:"flag,environment,default"`
	Means  string `json:"means"`
}

// SettingList is all settings by name.
type SettingList struct {
	Settings []Setting `json:"settings" nullable:"false"`
}
