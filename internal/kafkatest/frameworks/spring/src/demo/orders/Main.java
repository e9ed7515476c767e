package demo.orders;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.common.serialization.Serializer;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.listener.BatchListenerFailedException;
import org.springframework.kafka.listener.BatchMessageListener;
import org.springframework.kafka.listener.ConcurrentMessageListenerContainer;
import org.springframework.kafka.listener.ContainerProperties;
import org.springframework.kafka.listener.DeadLetterPublishingRecoverer;
import org.springframework.kafka.listener.DeadLetterPublishingRecoverer.HeaderNames.HeadersToAdd;
import org.springframework.kafka.listener.DefaultErrorHandler;
import org.springframework.kafka.listener.MessageListener;
import org.springframework.kafka.support.serializer.DelegatingByTypeSerializer;
import org.springframework.kafka.support.serializer.ErrorHandlingDeserializer;
import org.springframework.util.backoff.FixedBackOff;

/** A container for each way of dying: Main BROKERS PREFIX. The line "fixed" on standard input ends the failing. */
public final class Main {
    static String brokers;
    static String prefix;

    private Main() {
    }

    public static void main(String[] args) throws Exception {
        brokers = args[0];
        prefix = args[1];
        List<ConcurrentMessageListenerContainer<?, ?>> all = new ArrayList<>();
        MessageListener<Object, Object> one = r -> Failures.handle(r.topic(), r.partition(), r.offset(), bytes(r));
        for (String again : new String[] {"", "-dlt"}) { // the second listens on the first one's dead letters
            all.add(container("orders" + again, one, false, r -> { }));
            all.add(container("noappend" + again, one, false, r -> r.setAppendOriginalHeaders(false)));
            all.add(container("keepexc" + again, one, false, r -> r.setStripPreviousExceptionHeaders(false)));
            all.add(container("few" + again, one, false,
                    r -> r.excludeHeader(HeadersToAdd.EX_STACKTRACE, HeadersToAdd.TS, HeadersToAdd.TS_TYPE, HeadersToAdd.GROUP)));
        }
        all.add(container("deser", one, true, r -> { }));
        all.add(container("grow-dlt", one, false, r -> { })); // over a retry topic's dead letters
        all.add(container("cross", one, false, r -> { })); // under a chain of retry topics, see Retry
        BatchMessageListener<Object, Object> batch = records -> {
            for (int i = 0; i < records.size(); i++) {
                ConsumerRecord<Object, Object> r = records.get(i);
                try {
                    Failures.handle(r.topic(), r.partition(), r.offset(), bytes(r));
                } catch (RuntimeException e) {
                    throw new BatchListenerFailedException("an order of the batch failed", e, i);
                }
            }
        };
        all.add(container("batch", batch, false, r -> { }));
        AnnotationConfigApplicationContext retry = new AnnotationConfigApplicationContext(Retry.class);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            all.forEach(ConcurrentMessageListenerContainer::stop);
            retry.close();
        }));
        all.forEach(ConcurrentMessageListenerContainer::start);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Failures.fixed = line.equals("fixed");
            System.out.println("NOW " + line);
        }
        System.exit(0);
    }

    static byte[] bytes(ConsumerRecord<?, ?> r) {
        return r.value() instanceof byte[] b ? b : null;
    }

    static Map<String, Object> consumer(boolean typed) {
        Map<String, Object> c = new HashMap<>();
        c.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
        c.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        c.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        c.put(ConsumerConfig.METADATA_MAX_AGE_CONFIG, 1000); // so that a dead letter topic made by the first is seen soon
        Class<?> de = typed ? ErrorHandlingDeserializer.class : ByteArrayDeserializer.class;
        c.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, de);
        c.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, de);
        c.put(ErrorHandlingDeserializer.KEY_DESERIALIZER_CLASS, LongDeserializer.class);
        c.put(ErrorHandlingDeserializer.VALUE_DESERIALIZER_CLASS, LongDeserializer.class);
        return c;
    }

    static KafkaTemplate<Object, Object> template() {
        Map<String, Object> p = new HashMap<>();
        p.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, brokers);
        Map<Class<?>, Serializer<?>> types = Map.of(byte[].class, new ByteArraySerializer(), Long.class, new LongSerializer());
        Serializer<Object> s = new DelegatingByTypeSerializer(types);
        return new KafkaTemplate<>(new DefaultKafkaProducerFactory<>(p, s, s));
    }

    static ConcurrentMessageListenerContainer<?, ?> container(
            String topic, Object listener, boolean typed, Consumer<DeadLetterPublishingRecoverer> change) {
        ContainerProperties props = new ContainerProperties(prefix + topic);
        props.setGroupId(prefix + topic + "-app");
        props.setMessageListener(listener);
        DeadLetterPublishingRecoverer recoverer = new DeadLetterPublishingRecoverer(
                template(), (r, e) -> new TopicPartition(r.topic() + "-dlt", r.partition())); // before 3.3 the default was .DLT
        change.accept(recoverer);
        var c = new ConcurrentMessageListenerContainer<>(new DefaultKafkaConsumerFactory<>(consumer(typed)), props);
        c.setCommonErrorHandler(new DefaultErrorHandler(recoverer, new FixedBackOff(10, 1)));
        return c;
    }
}
