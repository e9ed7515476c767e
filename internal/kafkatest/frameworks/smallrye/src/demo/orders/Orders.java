package demo.orders;

import io.smallrye.reactive.messaging.kafka.api.IncomingKafkaRecordMetadata;
import jakarta.enterprise.context.ApplicationScoped;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletionStage;
import org.eclipse.microprofile.reactive.messaging.Incoming;
import org.eclipse.microprofile.reactive.messaging.Message;

/** The application: it takes every order but those whose text begins with "boom". */
@ApplicationScoped
public class Orders {
    static volatile boolean fixed;

    @Incoming("nacked")
    public CompletionStage<Void> nacked(Message<byte[]> m) {
        return take(m);
    }

    @Incoming("delayed")
    public CompletionStage<Void> delayed(Message<byte[]> m) {
        return take(m);
    }

    @Incoming("typed")
    public CompletionStage<Void> typed(Message<Long> m) {
        return m.ack();
    }

    @Incoming("thrown")
    public void thrown(byte[] value) {
        String text = new String(value, StandardCharsets.UTF_8);
        if (!fixed && text.startsWith("boom")) {
            throw failure(text);
        }
    }

    static CompletionStage<Void> take(Message<byte[]> m) {
        String text = m.getPayload() == null ? "null" : new String(m.getPayload(), StandardCharsets.UTF_8);
        if (!fixed && text.startsWith("boom")) {
            return m.nack(failure(text));
        }
        m.getMetadata(IncomingKafkaRecordMetadata.class).ifPresent(
                r -> System.out.println("HANDLED " + r.getTopic() + " " + r.getPartition() + "@" + r.getOffset() + " " + text));
        return m.ack();
    }

    static RuntimeException failure(String text) {
        if (text.startsWith("boom silent")) {
            return new UnsupportedOperationException();
        }
        if (text.startsWith("boom nested ")) {
            return new IllegalStateException("ledger: closed", new ArithmeticException(text.substring(12)));
        }
        return new IllegalArgumentException(text.substring(5));
    }
}
