/* The common :codes: of chat, as Unicode. A code that is not here stays as typed. */

const TABLE = `
+1 👍|thumbsup 👍|-1 👎|thumbsdown 👎|ok_hand 👌|wave 👋|clap 👏|raised_hands 🙌|pray 🙏|muscle 💪
point_up ☝️|point_right 👉|point_left 👈|point_down 👇|raised_hand ✋|hand ✋|fist ✊|crossed_fingers 🤞|handshake 🤝|writing_hand ✍️
smile 😄|smiley 😃|grinning 😀|grin 😁|laughing 😆|joy 😂|rofl 🤣|slightly_smiling_face 🙂|upside_down_face 🙃|wink 😉
blush 😊|innocent 😇|heart_eyes 😍|kissing_heart 😘|yum 😋|stuck_out_tongue 😛|sunglasses 😎|star-struck 🤩|thinking_face 🤔|thinking 🤔
neutral_face 😐|expressionless 😑|smirk 😏|unamused 😒|face_with_rolling_eyes 🙄|grimacing 😬|relieved 😌|pensive 😔|sleepy 😪|sleeping 😴
confused 😕|worried 😟|slightly_frowning_face 🙁|open_mouth 😮|astonished 😲|flushed 😳|cry 😢|sob 😭|scream 😱|sweat 😓
sweat_smile 😅|weary 😩|tired_face 😫|triumph 😤|angry 😠|rage 😡|exploding_head 🤯|partying_face 🥳|nerd_face 🤓|face_with_monocle 🧐
hugging_face 🤗|shrug 🤷|facepalm 🤦|zipper_mouth_face 🤐|salute 🫡|saluting_face 🫡|melting_face 🫠|robot_face 🤖|robot 🤖|ghost 👻
heart ❤️|orange_heart 🧡|yellow_heart 💛|green_heart 💚|blue_heart 💙|purple_heart 💜|black_heart 🖤|broken_heart 💔|sparkling_heart 💖|100 💯
white_check_mark ✅|heavy_check_mark ✔️|ballot_box_with_check ☑️|x ❌|negative_squared_cross_mark ❎|heavy_multiplication_x ✖️|heavy_plus_sign ➕|heavy_minus_sign ➖|no_entry ⛔|no_entry_sign 🚫
warning ⚠️|rotating_light 🚨|exclamation ❗|heavy_exclamation_mark ❗|question ❓|grey_question ❔|bangbang ‼️|interrobang ⁉️|octagonal_sign 🛑|stop_sign 🛑
information_source ℹ️|bulb 💡|mag 🔍|mag_right 🔎|lock 🔒|unlock 🔓|key 🔑|closed_lock_with_key 🔐|shield 🛡️|bell 🔔
no_bell 🔕|mega 📣|loudspeaker 📢|speech_balloon 💬|thought_balloon 💭|eyes 👀|eye 👁️|brain 🧠|ear 👂|zzz 💤
tada 🎉|confetti_ball 🎊|sparkles ✨|star ⭐|star2 🌟|fire 🔥|boom 💥|zap ⚡|rocket 🚀|trophy 🏆
gift 🎁|balloon 🎈|birthday 🎂|cake 🍰|coffee ☕|tea 🍵|beer 🍺|beers 🍻|pizza 🍕|cookie 🍪
dart 🎯|bug 🐛|beetle 🐞|ant 🐜|snake 🐍|crab 🦀|whale 🐳|octopus 🐙|cat 🐱|dog 🐶
unicorn_face 🦄|turtle 🐢|snail 🐌|owl 🦉|seedling 🌱|evergreen_tree 🌲|four_leaf_clover 🍀|rose 🌹|sunflower 🌻|cactus 🌵
sunny ☀️|cloud ☁️|rainbow 🌈|umbrella ☔|snowflake ❄️|snowman ⛄|ocean 🌊|earth_africa 🌍|earth_americas 🌎|globe_with_meridians 🌐
hourglass ⌛|hourglass_flowing_sand ⏳|stopwatch ⏱️|alarm_clock ⏰|watch ⌚|clock1 🕐|clock3 🕒|calendar 📅|date 📅|spiral_calendar_pad 🗓️
memo 📝|pencil 📝|pencil2 ✏️|clipboard 📋|pushpin 📌|round_pushpin 📍|paperclip 📎|link 🔗|scissors ✂️|wastebasket 🗑️
file_folder 📁|open_file_folder 📂|page_facing_up 📄|page_with_curl 📃|books 📚|book 📖|bookmark 🔖|label 🏷️|package 📦|mailbox 📫
email ✉️|envelope ✉️|inbox_tray 📥|outbox_tray 📤|chart_with_upwards_trend 📈|chart_with_downwards_trend 📉|bar_chart 📊|floppy_disk 💾|computer 💻|desktop_computer 🖥️
keyboard ⌨️|iphone 📱|telephone_receiver 📞|electric_plug 🔌|battery 🔋|satellite 📡|microscope 🔬|telescope 🔭|test_tube 🧪|alembic ⚗️
wrench 🔧|hammer 🔨|hammer_and_wrench 🛠️|gear ⚙️|nut_and_bolt 🔩|magnet 🧲|toolbox 🧰|broom 🧹|construction 🚧|building_construction 🏗️
art 🎨|performing_arts 🎭|musical_note 🎵|headphones 🎧|guitar 🎸|movie_camera 🎥|camera 📷|framed_picture 🖼️|game_die 🎲|jigsaw 🧩
car 🚗|bike 🚲|train 🚆|airplane ✈️|ship 🚢|anchor ⚓|house 🏠|office 🏢|factory 🏭|bank 🏦
checkered_flag 🏁|triangular_flag_on_post 🚩|white_flag 🏳️|medal 🏅|first_place_medal 🥇|second_place_medal 🥈|third_place_medal 🥉|crown 👑|gem 💎|moneybag 💰
red_circle 🔴|large_orange_circle 🟠|large_yellow_circle 🟡|large_green_circle 🟢|large_blue_circle 🔵|large_purple_circle 🟣|white_circle ⚪|black_circle ⚫|large_green_square 🟩|large_red_square 🟥
arrow_up ⬆️|arrow_down ⬇️|arrow_left ⬅️|arrow_right ➡️|arrow_forward ▶️|double_vertical_bar ⏸️|black_square_for_stop ⏹️|fast_forward ⏩|rewind ⏪|leftwards_arrow_with_hook ↩️
arrows_counterclockwise 🔄|repeat 🔁|twisted_rightwards_arrows 🔀|new 🆕|ok 🆗|sos 🆘|cool 🆒|free 🆓|up 🆙|vs 🆚
one 1️⃣|two 2️⃣|three 3️⃣|four 4️⃣|five 5️⃣|six 6️⃣|seven 7️⃣|eight 8️⃣|nine 9️⃣|keycap_ten 🔟
female-technologist 👩‍💻|male-technologist 👨‍💻|technologist 🧑‍💻|female-scientist 👩‍🔬|scientist 🧑‍🔬|detective 🕵️|sleuth_or_spy 🕵️|construction_worker 👷|mage 🧙|genie 🧞
busts_in_silhouette 👥|bust_in_silhouette 👤|speaking_head_in_silhouette 🗣️|runner 🏃|walking 🚶|dancer 💃|baby 👶|ninja 🥷|superhero 🦸|alien 👽
wheelchair ♿|recycle ♻️|infinity ♾️|atom_symbol ⚛️|copyright ©️|registered ®️|tm ™️|small_blue_diamond 🔹|small_orange_diamond 🔸|large_blue_diamond 🔷
`;

const CODES = new Map(
  TABLE.trim()
    .split(/[|\n]/)
    .map((pair) => pair.split(" ")),
);

const SKIN = { 2: "🏻", 3: "🏼", 4: "🏽", 5: "🏾", 6: "🏿" };
const CODE = /:([a-z0-9_+'-]+):(?::skin-tone-([2-6]):)?/g;

/** Every known code, in the table's order (people's favourites first). */
export const emojiNames = () => [...CODES.keys()];

/** The character for a name as reactions carry it ("+1", "wave::skin-tone-3"), or null. */
export function emojiFor(name) {
  const [base, tone] = name.split("::skin-tone-");
  const character = CODES.get(base);
  if (!character) return null;
  return tone ? character.replace("\uFE0F", "") + (SKIN[tone] ?? "") : character;
}

/** `text` with every known :code: turned into its character. */
export function withEmoji(text) {
  if (!text.includes(":")) return text;
  return text.replace(
    CODE,
    (whole, name, tone) => emojiFor(tone ? `${name}::skin-tone-${tone}` : name) ?? whole,
  );
}

/** The character for an `icon_emoji` such as ":robot_face:", or null. */
export const iconEmoji = (code) => (code ? emojiFor(code.replace(/^:|:$/g, "")) : null);
