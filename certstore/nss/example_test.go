package nss_test

import (
	"fmt"
	"log"
	"os"

	"mtlsprobe/certstore/nss"
)

func ExampleParse() {
	data, err := os.ReadFile("../testdata/nss/key4.db")
	if err != nil {
		log.Fatal(err)
	}
	contents, err := nss.Parse(data, "secret")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(contents.Encryption)
	for _, key := range contents.Keys {
		fmt.Printf("%s, ID %x\n", key.Algorithm, key.ID)
	}
	// Output:
	// PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC, 10000 iterations
	// RSA 2048, ID cecf7b8a79ad0a72d0e9d63793adde1569ae0d76
	// ECDSA P-256, ID 8be0ca776ef2d62f6420005659032beea932cd70
}
