package demo.orders;

import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.kafka.annotation.EnableKafkaRetryTopic;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.config.ConcurrentKafkaListenerContainerFactory;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.KafkaAdmin;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.retrytopic.RetryTopicConfiguration;
import org.springframework.kafka.retrytopic.RetryTopicConfigurationBuilder;
import org.springframework.scheduling.concurrent.ThreadPoolTaskScheduler;

/** Retry topics: chains with growing delays, with a single topic, over dead letters, and with typed keys and values. */
@Configuration
@EnableKafkaRetryTopic
public class Retry {
    @Bean
    public ThreadPoolTaskScheduler scheduler() {
        return new ThreadPoolTaskScheduler();
    }

    @Bean
    public KafkaAdmin admin() {
        return new KafkaAdmin(Map.of("bootstrap.servers", Main.brokers));
    }

    @Bean
    public KafkaTemplate<Object, Object> template() {
        return Main.template();
    }

    @Bean
    public ConcurrentKafkaListenerContainerFactory<Object, Object> kafkaListenerContainerFactory() {
        var f = new ConcurrentKafkaListenerContainerFactory<Object, Object>();
        f.setConsumerFactory(new DefaultKafkaConsumerFactory<>(Main.consumer(false)));
        return f;
    }

    @Bean
    public RetryTopicConfiguration growing(KafkaTemplate<Object, Object> template) {
        return RetryTopicConfigurationBuilder.newInstance().exponentialBackoff(150, 2, 5000).maxAttempts(3)
                .includeTopics(List.of(Main.prefix + "grow", Main.prefix + "cross-dlt")).dltHandlerMethod("orders", "dead").create(template);
    }

    @Bean
    public RetryTopicConfiguration single(KafkaTemplate<Object, Object> template) {
        return RetryTopicConfigurationBuilder.newInstance().fixedBackOff(150).maxAttempts(3).useSingleTopicForSameIntervals()
                .includeTopics(List.of(Main.prefix + "single")).dltHandlerMethod("orders", "dead").create(template);
    }

    @Bean
    public ConcurrentKafkaListenerContainerFactory<Object, Object> typedListeners() {
        var f = new ConcurrentKafkaListenerContainerFactory<Object, Object>();
        f.setConsumerFactory(new DefaultKafkaConsumerFactory<>(Main.consumer(true)));
        return f;
    }

    @Bean
    public RetryTopicConfiguration typed(KafkaTemplate<Object, Object> template) {
        return RetryTopicConfigurationBuilder.newInstance().fixedBackOff(150).maxAttempts(2).listenerFactory(typedListeners())
                .includeTopics(List.of(Main.prefix + "typed")).dltHandlerMethod("orders", "dead").create(template);
    }

    @Bean
    public Orders orders() {
        return new Orders();
    }

    /** Listens on both chains. */
    public static class Orders {
        public String topic(String name) {
            return Main.prefix + name;
        }

        @KafkaListener(topics = "#{__listener.topic('grow')}", groupId = "#{__listener.topic('grow-app')}")
        public void grow(ConsumerRecord<Object, Object> r) {
            Failures.handle(r.topic(), r.partition(), r.offset(), Main.bytes(r));
        }

        @KafkaListener(topics = "#{__listener.topic('single')}", groupId = "#{__listener.topic('single-app')}")
        public void single(ConsumerRecord<Object, Object> r) {
            Failures.handle(r.topic(), r.partition(), r.offset(), Main.bytes(r));
        }

        @KafkaListener(topics = "#{__listener.topic('cross-dlt')}", groupId = "#{__listener.topic('cross-dlt-app')}")
        public void cross(ConsumerRecord<Object, Object> r) {
            Failures.handle(r.topic(), r.partition(), r.offset(), Main.bytes(r));
        }

        @KafkaListener(topics = "#{__listener.topic('typed')}", groupId = "#{__listener.topic('typed-app')}", containerFactory = "typedListeners")
        public void typed(ConsumerRecord<Object, Object> r) {
            Failures.handle(r.topic(), r.partition(), r.offset(), Main.bytes(r));
        }

        public void dead(ConsumerRecord<Object, Object> r) {
            System.out.println("DEAD " + r.topic() + " " + r.partition() + "@" + r.offset());
        }
    }
}
