package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// The scenes of the tour that the README shows, by words of their titles. Of a longer
// one only the beginning is shown.
var (
	shownScenes = []string{"The gate of a pull request answers", "how many problems are that", "counted again, without weir"}
	sceneLines  = 14
	sceneTitle  = regexp.MustCompile(`(?m)^\d+/(\d+)  `)
)

// excerpt puts scenes of a recorded tour between the tour's marks of a document.
func excerpt(recording, document string) error {
	tour, err := os.ReadFile(recording)
	if err != nil {
		return err
	}
	doc, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	var b strings.Builder
	starts := append(sceneTitle.FindAllIndex(tour, -1), []int{len(tour)})
	for i := range len(starts) - 1 {
		scene := strings.TrimSpace(string(tour[starts[i][0]:starts[i+1][0]]))
		title, _, _ := strings.Cut(scene, "\n")
		for _, words := range shownScenes {
			if strings.Contains(title, words) {
				lines := strings.Split(scene, "\n")
				if len(lines) > sceneLines {
					lines = append(lines[:sceneLines/2+2], "  ...")
				}
				b.WriteString(strings.Join(lines, "\n") + "\n\n")
			}
		}
	}
	const begin, end = "<!-- begin tour -->\n", "<!-- end tour -->"
	before, rest, ok := bytes.Cut(doc, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 || b.Len() == 0 {
		return errors.New("no scene to show, or no marks to show it between")
	}
	text := fmt.Sprintf("%s%s```text\n%s```\n%s%s", before, begin, strings.TrimSpace(b.String())+"\n", end, after)
	return os.WriteFile(document, []byte(text), 0o644) //nolint:gosec // documentation is public
}
