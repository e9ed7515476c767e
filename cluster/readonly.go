package cluster

import (
	"errors"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// readingKeys are the requests that change nothing on a broker. It is a list of what
// is allowed, so that a request invented later is refused until someone has judged it.
func readingKeys() []kmsg.Key {
	return []kmsg.Key{
		kmsg.Fetch, kmsg.ListOffsets, kmsg.Metadata, kmsg.OffsetFetch, kmsg.FindCoordinator,
		kmsg.DescribeGroups, kmsg.ListGroups, kmsg.SASLHandshake, kmsg.ApiVersions,
		kmsg.OffsetForLeaderEpoch, kmsg.DescribeACLs, kmsg.DescribeConfigs,
		kmsg.DescribeLogDirs, kmsg.SASLAuthenticate, kmsg.DescribeDelegationToken,
		kmsg.ListPartitionReassignments, kmsg.DescribeClientQuotas,
		kmsg.DescribeUserSCRAMCredentials, kmsg.DescribeQuorum, kmsg.DescribeCluster,
		kmsg.DescribeProducers, kmsg.DescribeTransactions, kmsg.ListTransactions,
		kmsg.ConsumerGroupDescribe, kmsg.ListConfigResources, kmsg.DescribeTopicPartitions,
		kmsg.ShareGroupDescribe, kmsg.DescribeShareGroupOffsets, kmsg.StreamsGroupDescribe,
	}
}

// readOnlyVersions is what a read-only profile lets the client speak. A request whose
// key is missing fails inside the client, before a connection is even made, whichever
// part of the program asks for it: administration, producer or group member.
func readOnlyVersions() *kversion.Versions {
	versions := kversion.Stable()
	var refused []int16
	versions.EachMaxKeyVersion(func(k, _ int16) {
		if !slices.Contains(readingKeys(), kmsg.Key(k)) {
			refused = append(refused, k)
		}
	})
	for _, k := range refused {
		versions.SetMaxKeyVersion(k, -1)
	}
	return versions
}

// errKeyRefused is the text of the client's own error for a request it may not send.
// The value is not exported.
const errKeyRefused = "request key is unknown"

func isKeyRefused(err error) bool { return strings.Contains(err.Error(), errKeyRefused) }

func readOnlyError(op, subject string) *Error {
	return &Error{
		Class: Refused, Op: op, What: subject,
		Err:    errors.New("the profile is read-only, so the request was not sent"),
		Remedy: "use a profile without read_only to write",
	}
}
