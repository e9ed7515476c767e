package demo.orders;

import java.nio.charset.StandardCharsets;

/** The application: it takes every order but those whose text begins with "boom". */
final class Failures {
    static volatile boolean fixed;

    private Failures() {
    }

    static final class Rejected extends RuntimeException {
        Rejected(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /** Says on standard output which record it took, or throws what the order asks for. */
    static void handle(String topic, int partition, long offset, byte[] value) {
        String text = value == null ? "null" : new String(value, StandardCharsets.UTF_8);
        if (fixed || !text.startsWith("boom")) {
            System.out.println("HANDLED " + topic + " " + partition + "@" + offset + " " + text);
            return;
        }
        check(text);
    }

    static void check(String text) {
        if (text.startsWith("boom nested ")) {
            try {
                check("boom root " + text.substring(12));
            } catch (RuntimeException e) {
                throw new Rejected("rejected: " + e.getMessage(), new IllegalStateException("ledger: closed", e));
            }
        }
        if (text.startsWith("boom silent")) {
            throw new UnsupportedOperationException();
        }
        if (text.startsWith("boom root ")) {
            throw new ArithmeticException(text.substring(10));
        }
        throw new IllegalArgumentException(text.substring(Math.min(5, text.length())));
    }
}
