//go:build unix

package account_test

import (
	"fmt"

	"mtlsprobe/certstore/account"
)

func ExampleAccount_Read() {
	app, err := account.Lookup("4711:4711") // as in a container
	if err != nil {
		fmt.Println(err)
		return
	}
	access := app.Read("/nowhere/key.pem")
	fmt.Println(access.Result)
	fmt.Println(access.Detail)
	// Output:
	// no
	// "/nowhere" does not exist
}
