package provider

import (
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
)

// nameFields writes down what each field of each resource is called in Pulumi. The bridge looks names up for every property
// it meets, and derives one that isn't written down anew each time, with the rules for English plurals.
func nameFields(info *tfbridge.ProviderInfo) {
	info.P.ResourcesMap().Range(func(name string, of shim.Resource) bool {
		resource := info.Resources[name]
		resource.Fields = named(of.Schema(), resource.Fields)
		return true
	})
}

// named returns fields with one for each of schema, and below those that are objects one for each of theirs.
func named(schema shim.SchemaMap, fields map[string]*tfbridge.SchemaInfo) map[string]*tfbridge.SchemaInfo {
	all := map[string]*tfbridge.SchemaInfo{}
	schema.Range(func(name string, of shim.Schema) bool {
		field := tfbridge.SchemaInfo{}
		if known := fields[name]; known != nil {
			field = *known
		}
		field.Name = tfbridge.TerraformToPulumiNameV2(name, schema, fields)
		if object, ok := of.Elem().(shim.Resource); ok {
			element := tfbridge.SchemaInfo{}
			if field.Elem != nil {
				element = *field.Elem
			}
			element.Fields = named(object.Schema(), element.Fields)
			field.Elem = &element
		}
		all[name] = &field
		return true
	})
	return all
}
