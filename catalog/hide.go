package catalog

import (
	"slices"
	"strings"
)

// Hidden stands where personal data was.
const Hidden = "***"

// PersonalFields are the paths of personal data in the payloads of every message on a
// topic, sorted; see [FieldMark]. A record does not tell which of the messages it is.
func (c *Catalog) PersonalFields(topic string) []string {
	var paths []string
	for _, ch := range c.TopicChannels(topic) {
		for _, m := range ch.Messages {
			for _, mark := range m.PII() {
				paths = append(paths, mark.Path)
			}
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// HideFields hides what the paths reach in a JSON value, in place, and returns the paths
// that reached something. [] after a name steps into every item of a list.
func HideFields(v any, paths []string) (out any, hidden []string) {
	for _, path := range paths {
		var hit bool
		if v, hit = hide(v, strings.Split(path, ".")); hit {
			hidden = append(hidden, path)
		}
	}
	return v, hidden
}

func hide(v any, path []string) (out any, hit bool) {
	if len(path) == 0 {
		return Hidden, true
	}
	name, list := strings.CutSuffix(path[0], "[]")
	if name == "" && list { // the value itself is the list
		return hideItems(v, path[1:])
	}
	m, ok := v.(map[string]any)
	if !ok {
		return v, false
	}
	child, ok := m[name]
	if !ok || child == nil {
		return v, false
	}
	if list {
		m[name], hit = hideItems(child, path[1:])
		return m, hit
	}
	m[name], hit = hide(child, path[1:])
	return m, hit
}

func hideItems(v any, path []string) (out any, hit bool) {
	items, ok := v.([]any)
	if !ok {
		// Declared as a list and sent as one value: hide it all the same.
		return hide(v, path)
	}
	for i := range items {
		var h bool
		items[i], h = hide(items[i], path)
		hit = hit || h
	}
	return items, hit
}

// HideNames hides the fields of these names at any depth of a JSON value, in place, and
// adds their paths to hidden.
func HideNames(v any, names, hidden []string) (out any, all []string) {
	return v, hideNames(v, names, "", hidden)
}

func hideNames(v any, names []string, at string, hidden []string) []string {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			path := strings.TrimPrefix(at+"."+k, ".")
			switch {
			case !slices.Contains(names, k):
				hidden = hideNames(e, names, path, hidden)
			case e != nil && e != Hidden:
				x[k] = Hidden
				if !slices.Contains(hidden, path) {
					hidden = append(hidden, path)
				}
			}
		}
		slices.Sort(hidden)
	case []any:
		for i := range x {
			hidden = hideNames(x[i], names, at+"[]", hidden)
		}
	}
	return hidden
}

// PersonalNames adds to names those of the fields that the text of a schema, Avro or JSON
// Schema, marks as personal data, wherever they stand.
func PersonalNames(schema any, names []string) []string {
	add := func(name string, of any) {
		m, ok := of.(map[string]any)
		if ok && name != "" && isPersonal(m) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	switch x := schema.(type) {
	case map[string]any:
		name, _ := x["name"].(string)
		add(name, x)
		add(name, x["type"])
		if props, ok := x["properties"].(map[string]any); ok {
			for k, p := range props {
				add(k, p)
			}
		}
		for _, e := range x {
			names = PersonalNames(e, names)
		}
	case []any:
		for _, e := range x {
			names = PersonalNames(e, names)
		}
	}
	return names
}

func isPersonal(m map[string]any) bool {
	switch x := m["x-pii"].(type) {
	case nil:
	case bool:
		return x
	case string:
		return x != "" && x != "false"
	default:
		return true
	}
	if m["x-sap-dpp-is-potentially-personal"] == true {
		return true
	}
	tags, _ := m["confluent:tags"].([]any)
	return slices.Contains(tags, any("PII"))
}
