package config_test

import (
	"fmt"

	"mtlsprobe/certstore/config"
)

func ExampleParse() {
	data := []byte("[http \"https://git.example\"]\n\tsslCert = ~/client.pem\n\tsslKey = ~/client.key\n")
	c, ok := config.Parse(&config.Text{Name: ".gitconfig", Dirs: []string{"/home/u"}, Data: data, Home: "/home/u"})
	fmt.Println(ok, c.Format)
	for _, r := range c.References {
		fmt.Println(r)
	}
	// Output:
	// true Git configuration
	// https://git.example: certificate "/home/u/client.pem", key "/home/u/client.key"
}

func ExamplePlaces() {
	environment := map[string]string{"PGSSLCERT": "/srv/app/client.crt"}
	places := config.Places("/home/u", func(name string) string { return environment[name] }, "linux")
	fmt.Println(places[0].Client, places[0].Path)
	// Output: libpq /srv/app/client.crt
}
