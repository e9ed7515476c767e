package demo;

import java.io.IOException;
import org.apache.kafka.connect.cli.ConnectStandalone;

/** Kafka Connect, which ends with whoever holds its standard input. */
public final class Worker {
    private Worker() {
    }

    public static void main(String[] args) {
        Thread watch = new Thread(() -> {
            try {
                while (System.in.read() >= 0) {
                    continue;
                }
            } catch (IOException e) {
                System.err.println(e);
            }
            System.exit(0);
        });
        watch.setDaemon(true);
        watch.start();
        ConnectStandalone.main(args);
    }
}
