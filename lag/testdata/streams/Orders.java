import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Repartitioned;

/**
 * A Kafka Streams application on the streams rebalance protocol (KIP-1071): one topic, passed on through a
 * repartition topic of the same group. It leaves its group when its input ends.
 *
 * Arguments: brokers, application id, topic, folder for its state.
 */
public class Orders {
    public static void main(String[] args) throws Exception {
        Properties p = new Properties();
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, args[1]);
        p.put(StreamsConfig.STATE_DIR_CONFIG, args[3]);
        p.put(StreamsConfig.GROUP_PROTOCOL_CONFIG, "streams");
        p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
        p.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        p.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        p.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
        p.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        StreamsBuilder b = new StreamsBuilder();
        b.<byte[], byte[]>stream(args[2])
            .repartition(Repartitioned.<byte[], byte[]>as("again").withNumberOfPartitions(3))
            .foreach((key, value) -> { });
        try (KafkaStreams streams = new KafkaStreams(b.build(), p)) {
            streams.start();
            while (System.in.read() >= 0) {
                // whoever started this closes the input
            }
        }
    }
}
