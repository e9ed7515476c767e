package demo.orders;

import com.bakdata.kafka.ErrorCapturingValueMapper;
import com.bakdata.kafka.ErrorHeaderProcessor;
import com.bakdata.kafka.ProcessedValue;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.ValueMapper;

/** A topology that captures what its mapper throws: Main BROKERS PREFIX. */
public final class Main {
    static volatile boolean fixed;

    private Main() {
    }

    static byte[] check(byte[] value) {
        String text = value == null ? "null" : new String(value, StandardCharsets.UTF_8);
        if (fixed || !text.startsWith("boom")) {
            System.out.println("TAKEN " + text);
            return value;
        }
        if (text.startsWith("boom silent")) {
            throw new UnsupportedOperationException();
        }
        if (text.startsWith("boom nested ")) {
            throw new IllegalStateException("ledger: closed", new ArithmeticException(text.substring(12)));
        }
        throw new IllegalArgumentException(text.substring(5));
    }

    public static void main(String[] args) throws Exception {
        Properties p = new Properties();
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, args[1] + "app");
        p.put(StreamsConfig.STATE_DIR_CONFIG, "state");
        p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
        p.put("auto.offset.reset", "earliest");
        StreamsBuilder b = new StreamsBuilder();
        ValueMapper<byte[], byte[]> mapper = Main::check;
        KStream<byte[], ProcessedValue<byte[], byte[]>> mapped = b.stream(args[1] + "orders", Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
                .mapValues(ErrorCapturingValueMapper.captureErrors(mapper));
        mapped.flatMapValues(ProcessedValue::getErrors).processValues(ErrorHeaderProcessor.withErrorHeaders("check the order"))
                .to(args[1] + "dlq", Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
        KafkaStreams streams = new KafkaStreams(b.build(), p);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(10))));
        streams.start();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            fixed = line.equals("fixed");
            System.out.println("NOW " + line);
        }
        System.exit(0);
    }
}
