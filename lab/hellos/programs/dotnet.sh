#!/bin/sh
# Builds Hello.cs for .NET Core with Mono's compiler, and lays libssl 1.1 where it looks: DOTNET FOLDER PROGRAMS LIBSSL.
set -eu
framework=$(ls -d "$(dirname "$1")"/shared/Microsoft.NETCore.App/*)
libraries=$(dirname "$(find "$4" -type f -name 'libssl-*' | head -n 1)")
references=
for name in System.Private.CoreLib System.Runtime System.Net.Requests System.Console System.Private.Uri System.Net.Primitives \
    System.Runtime.Extensions netstandard System.ComponentModel System.ComponentModel.Primitives; do
    references="$references -r:$framework/$name.dll"
done
# shellcheck disable=SC2086 -- several words
mcs -nostdlib -noconfig $references -out:"$2/hello.dll" "$3/Hello.cs"
printf '{"runtimeOptions":{"framework":{"name":"Microsoft.NETCore.App","version":"%s"}}}' "$(basename "$framework")" > "$2/hello.runtimeconfig.json"
cp "$libraries"/* "$2"
ln -s "$(basename "$(find "$libraries" -type f -name 'libssl-*')")" "$2/libssl.so.1.1"
ln -s "$(basename "$(find "$libraries" -type f -name 'libcrypto-*')")" "$2/libcrypto.so.1.1"
