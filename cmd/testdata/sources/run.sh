#!/bin/sh
DIR=.
curl --cacert "$DIR/ca.pem" \
    --cert "$DIR/client.crt" --key "${DIR}/locked.key" --pass planted-hunter2 \
    https://server.example.com/
