package demo.orders;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.DefaultProductionExceptionHandler;
import org.apache.kafka.streams.errors.ErrorHandlerContext;
import org.apache.kafka.streams.errors.LogAndContinueExceptionHandler;
import org.apache.kafka.streams.errors.LogAndContinueProcessingExceptionHandler;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.Record;

/** One topology that dies in every handler of Kafka Streams: Main BROKERS PREFIX. "fixed" on standard input ends that. */
public final class Main {
    static volatile boolean fixed;

    private Main() {
    }

    /** There is no handler in the library that goes on after a production error. */
    public static final class GoOn extends DefaultProductionExceptionHandler {
        @Override
        public Response handleError(ErrorHandlerContext context, ProducerRecord<byte[], byte[]> record, Exception e) {
            return Response.resume(super.handleError(context, record, e).deadLetterQueueRecords());
        }

        @Override
        @SuppressWarnings("rawtypes")
        public Response handleSerializationError(
                ErrorHandlerContext context, ProducerRecord record, Exception e, SerializationExceptionOrigin origin) {
            return Response.resume(super.handleSerializationError(context, record, e, origin).deadLetterQueueRecords());
        }
    }

    /** The application. */
    static final class Orders extends ContextualProcessor<byte[], byte[], byte[], byte[]> {
        @Override
        public void process(Record<byte[], byte[]> r) {
            String text = r.value() == null ? "null" : new String(r.value(), StandardCharsets.UTF_8);
            if (!fixed && text.startsWith("boom")) {
                check(text);
            }
            var at = context().recordMetadata().orElseThrow();
            System.out.println("HANDLED " + at.topic() + " " + at.partition() + "@" + at.offset() + " " + text);
            context().forward(text.startsWith("large") ? r.withValue(new byte[2_000_000]) : r);
        }
    }

    static void check(String text) {
        if (text.startsWith("boom silent")) {
            throw new UnsupportedOperationException();
        }
        if (text.startsWith("boom nested ")) {
            throw new IllegalStateException("ledger: closed", new ArithmeticException(text.substring(12)));
        }
        throw new IllegalArgumentException(text.substring(5));
    }

    public static void main(String[] args) throws Exception {
        String prefix = args[1];
        Properties p = new Properties();
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, prefix + "app");
        p.put(StreamsConfig.STATE_DIR_CONFIG, "state");
        p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
        p.put("auto.offset.reset", "earliest");
        p.put(StreamsConfig.ERRORS_DEAD_LETTER_QUEUE_TOPIC_NAME_CONFIG, prefix + "dlq");
        p.put(StreamsConfig.DESERIALIZATION_EXCEPTION_HANDLER_CLASS_CONFIG, LogAndContinueExceptionHandler.class);
        p.put(StreamsConfig.PROCESSING_EXCEPTION_HANDLER_CLASS_CONFIG, LogAndContinueProcessingExceptionHandler.class);
        p.put(StreamsConfig.PRODUCTION_EXCEPTION_HANDLER_CLASS_CONFIG, GoOn.class);
        if (args.length > 2) {
            p.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, args[2]);
        }
        StreamsBuilder b = new StreamsBuilder();
        var bytes = Consumed.with(Serdes.ByteArray(), Serdes.ByteArray());
        b.stream(prefix + "orders", bytes).process(Orders::new).to(prefix + "out", Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
        b.stream(prefix + "longs", Consumed.with(Serdes.Long(), Serdes.Long())).foreach((k, v) -> System.out.println("LONG " + k));
        b.stream(prefix + "keyed", bytes).selectKey((k, v) -> "by-page".getBytes(StandardCharsets.UTF_8))
                .repartition(Repartitioned.with(Serdes.ByteArray(), Serdes.ByteArray()).withName("by-page"))
                .process(Orders::new).foreach((k, v) -> { });
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
