// Makes a machine configuration and does with it and the patches what `talosctl gen config`, `talosctl machineconfig
// patch` and `talosctl validate --mode metal --strict` do, by Talos' own code. Prints what pulls depend on as JSON.
//
//	talos-patch controlplane|worker PATCH...
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/config/validation"
)

type metal struct{}

func (metal) String() string        { return "metal" }
func (metal) RequiresInstall() bool { return true }
func (metal) InContainer() bool     { return false }

func patched(kind string, files []string) ([]byte, error) {
	machineType, err := machine.ParseType(kind)
	if err != nil {
		return nil, err
	}
	input, err := generate.NewInput("home", "https://192.168.1.101:6443", "1.36.0", generate.WithInstallDisk("/dev/sda"))
	if err != nil {
		return nil, err
	}
	configuration, err := input.Config(machineType)
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(files))
	for _, file := range files {
		names = append(names, "@"+file)
	}
	patches, err := configpatcher.LoadPatches(names)
	if err != nil {
		return nil, err
	}
	result, err := configpatcher.Apply(configpatcher.WithConfig(configuration), patches)
	if err != nil {
		return nil, err
	}
	return result.Bytes()
}

func run() error {
	text, err := patched(os.Args[1], os.Args[2:])
	if err != nil {
		return err
	}
	loaded, err := configloader.NewFromBytes(text)
	if err != nil {
		return err
	}
	warnings, err := loaded.Validate(metal{}, validation.WithLocal(), validation.WithStrict())
	if err != nil {
		return err
	}
	mirrors := map[string][]string{}
	for registry, mirror := range loaded.RegistryMirrorConfigs() {
		for _, endpoint := range mirror.Endpoints() {
			mirrors[registry] = append(mirrors[registry], endpoint.Endpoint())
		}
	}
	files, err := loaded.Machine().Files()
	if err != nil {
		return err
	}
	parts := map[string]string{}
	for _, file := range files {
		parts[file.Path()] = file.Content()
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"mirrors": mirrors, "files": parts, "warnings": warnings})
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
