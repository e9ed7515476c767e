// Package account names the accounts of every test cluster, embedded or real, in
// every mechanism.
//
// It decides who may do what there: Admin everything, Alice nothing until a test
// grants it. It refuses to be a secret: these clusters live on loopback for the
// length of a test run. Know [Admin] and [All].
package account

// The accounts and their passwords.
const (
	Admin         = "admin"
	AdminPassword = "admin-secret"
	Alice         = "alice"
	AlicePassword = "alice-secret"
)

// All maps names to passwords.
func All() map[string]string {
	return map[string]string{Admin: AdminPassword, Alice: AlicePassword}
}
