package demo.orders;

import jakarta.enterprise.inject.se.SeContainer;
import jakarta.enterprise.inject.se.SeContainerInitializer;
import java.io.BufferedReader;
import java.io.InputStreamReader;

/** A channel for each way of dying: Main BROKERS PREFIX. The line "fixed" on standard input ends the failing. */
public final class Main {
    private Main() {
    }

    static void channel(String prefix, String name, String strategy, String type) {
        String c = "mp.messaging.incoming." + name + ".";
        String de = "org.apache.kafka.common.serialization." + type + "Deserializer";
        System.setProperty(c + "connector", "smallrye-kafka");
        System.setProperty(c + "topic", prefix + name);
        System.setProperty(c + "group.id", prefix + name + "-app");
        System.setProperty(c + "auto.offset.reset", "earliest");
        System.setProperty(c + "key.deserializer", de);
        System.setProperty(c + "value.deserializer", de);
        System.setProperty(c + "fail-on-deserialization-failure", "false");
        System.setProperty(c + "failure-strategy", strategy);
        System.setProperty(c + "dead-letter-queue.topic", prefix + name + "-dlq");
    }

    public static void main(String[] args) throws Exception {
        String prefix = args[1];
        System.setProperty("kafka.bootstrap.servers", args[0]);
        channel(prefix, "nacked", "dead-letter-queue", "ByteArray");
        channel(prefix, "thrown", "dead-letter-queue", "ByteArray");
        channel(prefix, "typed", "dead-letter-queue", "Long");
        channel(prefix, "delayed", "delayed-retry-topic", "ByteArray");
        String d = "mp.messaging.incoming.delayed.delayed-retry-topic.";
        System.setProperty(d + "topics", prefix + "delayed_retry_200," + prefix + "delayed_retry_400");
        System.setProperty(d + "max-retries", "2");
        SeContainer container = SeContainerInitializer.newInstance().initialize();
        Runtime.getRuntime().addShutdownHook(new Thread(container::close));
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Orders.fixed = line.equals("fixed");
            System.out.println("NOW " + line);
        }
        System.exit(0);
    }
}
